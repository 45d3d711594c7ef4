"""How real synthetic scans are: to a network, to one that suspects them, and to radiomics."""
