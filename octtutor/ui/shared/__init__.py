"""What several tabs use: texts, pictures, the viewer, what the browser keeps."""
