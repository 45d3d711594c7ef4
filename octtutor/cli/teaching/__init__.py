"""`octtutor quiz …`, `report`, `annotations …`, `educator …`."""
