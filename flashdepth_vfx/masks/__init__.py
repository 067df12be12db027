"""What of a plate shows nothing of the scene: mattes that say so, empty borders that are found, and alpha."""

from flashdepth_vfx.masks.borders import Borders, find_borders
from flashdepth_vfx.masks.matte import Matte, open_matte
from flashdepth_vfx.masks.reader import MaskedPlates, mask_plates

__all__ = ["Borders", "MaskedPlates", "Matte", "find_borders", "mask_plates", "open_matte"]
