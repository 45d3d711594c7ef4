"""Quizzes and exams: their files, what is on offer, how they went."""
