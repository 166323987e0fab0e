"""What stands between the command line and the analysis: which files, which settings, what is already known, what is written."""
