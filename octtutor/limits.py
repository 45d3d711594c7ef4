"""The largest of everything that comes from outside: what is more is refused before it is read.

Every limit of bytes, pixels, files and requests stands here and nowhere else. How long a title or
how large a quiz may be is a rule of the matter and stands with it.
"""

# ---- requests and uploads ----------------------------------------------------------------

MAX_REQUEST_BYTES = 2_000_000
"""Bytes of a request's body that is no upload, on either page."""
MAX_SIGN_IN_BYTES = 10_000
"""Bytes of a request's body on the educators' sign-in and sign-out, where nobody is known yet."""
MAX_EDUCATOR_UPLOAD_BYTES = 4_000_000_000
"""Bytes that an educator may upload at once, unless OCTTUTOR_MAX_UPLOAD says otherwise."""
MAX_READER_UPLOAD_BYTES = 500_000_000
"""Bytes that one reader may upload at once, in tab Read."""
MAX_READER_FILES = 200
"""Files that one reader may upload at once."""
MAX_READER_PIXELS = 600_000_000
"""Pixels of all scans that one reader has open; bytes, too, since a pixel takes one."""
MAX_WAITING_UPLOAD_BYTES = 2_000_000_000
"""Bytes of readers' uploads that may wait to be read; they are removed as soon as they are."""
MAX_PAGE_FILE_BYTES = 48_000_000
"""Bytes of a file that is put into a page to be saved from there."""

# ---- scans and volumes -------------------------------------------------------------------

MAX_SCAN_BYTES = 100_000_000
"""Bytes of the file of one scan."""
MAX_SCAN_PIXELS = 40_000_000
"""Pixels of one scan, height times width."""
MAX_VOLUME_BYTES = 4_000_000_000
"""Bytes of a file that holds many scans."""
MAX_VOLUME_SLICES = 5_000
"""B-scans of one volume."""
MAX_DICOM_HEADER_BYTES = 4_000_000
"""Bytes before a DICOM file's pixels that are read, not skipped; more would take too long."""
MAX_DICOM_PACKED_BYTES = 8_000_000
"""Bytes of a DICOM frame, unpacked, that may be packed by run lengths."""
MAX_TOPCON_CHUNKS = 10_000
"""Chunks of one of Topcon's files."""
MAX_HEIDELBERG_ENTRIES = 60_000
"""Directory entries of one of Heidelberg's files that are followed."""

# ---- folders and archives of scans -------------------------------------------------------

MAX_SOURCE_ENTRIES = 500_000
"""Files of a folder or an archive of scans."""
MAX_PACKING_RATIO = 200
"""How many times larger a file may be than it is within a ZIP."""
MAX_MEDMNIST_SCANS = 500_000
"""Scans of one array of a MedMNIST file."""

# ---- what is fetched from the web --------------------------------------------------------

MAX_FETCHED_BYTES = 20_000_000
"""Bytes of one image that is fetched from a reader's address."""
MAX_FETCH_SECONDS = 15.0
"""Seconds that fetching such an image may take, redirects and all."""
MAX_REDIRECTS = 3
"""Redirects that are followed from any address."""
MAX_PUBLIC_TABLE_BYTES = 20_000_000
"""Bytes of the table of a public set."""
MAX_PUBLIC_ARRAY_BYTES = 10_000_000_000
"""Bytes of an array of scans of a public set, unpacked."""
MAX_SERVER_WAIT_SECONDS = 120
"""How long a busy server may ask to wait; one that asks for more is asked another time."""
MAX_ZIP_STRETCH_BYTES = 1 << 24
"""Bytes of a remote ZIP that are asked for at once; only a single larger file asks for more."""

# ---- annotations, quizzes, schemes --------------------------------------------------------

MAX_ANNOTATION_FILE_BYTES = 500_000_000
"""Bytes of a file of annotations that is brought in."""
MAX_CELL_CHARACTERS = 100_000_000
"""Characters of one cell of a table of annotations: the regions of a scan can be long."""
MAX_QUIZ_FILE_BYTES = 400_000
"""Bytes of a quiz's file."""
MAX_SCHEME_FILE_BYTES = 200_000
"""Bytes of a scheme's file."""

# ---- models ------------------------------------------------------------------------------

MAX_MODEL_BYTES = 2_000_000_000
"""Bytes of a model that is brought in as an archive, unpacked."""
MAX_MODEL_FILES = 64
"""Files of such a model."""
MAX_MODEL_ENTRIES = 10_000
"""Entries of the archive that are looked at."""
MAX_HEAD_BYTES = 32_000_000
"""Bytes that the arrays of a head of the article's program may declare together."""
MAX_HDF5_ATTRIBUTE_BYTES = 4_000_000
"""Bytes of one attribute of an HDF5 file."""
MAX_HDF5_TEXT_BYTES = 4_000_000_000
"""Bytes of the texts of one such attribute, were each as long as the longest can be."""
