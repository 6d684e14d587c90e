"""The one door to OpenCV: says in a line what is missing, and keeps its log off the terminal."""

from cbir.errors import MissingPackage

try:
    import cv2
except ImportError as error:  # its own message never says what to install
    if "libGL" in str(error) or "libgthread" in str(error) or "libglib" in str(error):
        raise MissingPackage(
            f"OpenCV can't load a system library ({error}); run 'apt-get install libgl1 "
            "libglib2.0-0', or 'pip install opencv-python-headless' instead of opencv-python"
        ) from error
    raise MissingPackage(
        f"OpenCV can't be imported ({error}); run 'pip install opencv-python'"
    ) from error

# Every failure is reported by us, with the picture's name, which OpenCV's log does not know.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

__all__ = ["cv2"]
