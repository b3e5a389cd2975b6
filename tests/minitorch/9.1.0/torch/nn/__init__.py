from torch.nn.linear import Linear  #: imports py:torch.nn.linear.Linear exact
