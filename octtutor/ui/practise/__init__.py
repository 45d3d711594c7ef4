"""The tab Practise."""
