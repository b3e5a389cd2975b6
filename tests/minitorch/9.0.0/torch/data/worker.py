def work(index_queue, data_queue, number=0):
    def one():
        data_queue.put(index_queue.get())  #: hands py:torch.data.loader.Loader.take exact

    one()


def idle(index_queue, data_queue):
    index_queue.get()
