"""How good detections are: KITTI average precision, centre distance, per range and per track."""
