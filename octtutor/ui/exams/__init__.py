"""The tab Exams."""
