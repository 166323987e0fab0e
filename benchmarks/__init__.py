"""Every published number of this project, and the peers it is measured against."""
