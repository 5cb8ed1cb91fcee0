"""A micrograph is pixels, calibration, metadata and a mask: readers, folders, downloads."""
