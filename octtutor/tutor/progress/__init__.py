"""How a trainee reads, over time and beside others: results, progress, tables for iMRMC."""
