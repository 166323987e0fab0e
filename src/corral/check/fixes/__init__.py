"""The fixes, one file for each shape of code they write; where nothing is certain, none of them writes anything."""
