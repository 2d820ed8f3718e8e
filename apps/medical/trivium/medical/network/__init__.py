"""Films by network and by folder: a DICOM listener, an archive that is asked for priors, DICOMweb, a watched folder."""
