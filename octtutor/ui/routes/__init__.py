"""Plain JSON routes beside Gradio: what the desk's client asks, and what it is answered."""
