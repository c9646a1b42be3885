//! DASH: the Media Presentation Description, `ISO/IEC 23009-1`.
