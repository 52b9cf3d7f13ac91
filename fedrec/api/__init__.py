"""What `import fedrec` offers: runs and sweeps from Python, as the command line does them. fedrec/api/README.md shows them."""
