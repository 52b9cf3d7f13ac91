"""Many runs side by side: read, averaged over seeds, tested, written and drawn."""
