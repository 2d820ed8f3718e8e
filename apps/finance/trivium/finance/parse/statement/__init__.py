"""Parts of the statement reader: sheets as grids, what single cells say, header marks, and columns with periods."""
