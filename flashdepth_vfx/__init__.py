"""FlashDepth for VFX: plates in, float depth EXRs out, with a state that is carried from frame to frame."""
