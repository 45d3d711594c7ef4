"""The educators' tab Quizzes."""
