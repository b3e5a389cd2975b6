from torch.loops import there
