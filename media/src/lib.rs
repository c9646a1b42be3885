//! Containers, segmentation, plans and manifests: pure, without IO.
