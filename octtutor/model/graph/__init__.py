"""One graph of OpenVINO for answer and maps: how it is made of a network, kept, and run."""
