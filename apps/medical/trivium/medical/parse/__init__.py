"""Bytes to radiographs: pictures and DICOM files, each with its stated range and layout."""
