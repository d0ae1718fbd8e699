"""What consumers follow to find the data, one module for each kind (`ports.Pointer`)."""
