import queue
import threading

from torch.data import worker


class Loader:
    def __init__(self, context):
        self.index_queues = []
        self.results = context.Queue()
        self.done = queue.Queue()
        for i in range(2):
            index_queue = context.Queue()
            context.Process(
                target=worker.work,  #: starts py:torch.data.worker.work exact
                args=(index_queue, self.results),
                kwargs={"number": i},
            )
            self.index_queues.append(index_queue)
        self.data = self.results
        threading.Thread(target=self.watch)  #: starts py:torch.data.loader.Loader.watch exact
        threading.Thread(target=lambda: 0)

    def give(self, i):
        self.index_queues[i].put(1)  #: hands py:torch.data.worker.work.one exact
        self.index_queues[i].put(2)  #: hands py:torch.data.worker.work exact
        self.index_queues[i].put(3)  #: not hands py:torch.data.loader.Loader.take
        self.index_queues[i].put(4)  #: not hands py:torch.data.worker.idle

    def give_up(self, i):
        q = self.index_queues[i]
        q.put(None)  #: hands py:torch.data.worker.work.one exact

    def take(self):
        return self.data.get()

    def finish(self):
        self.done.put(1)  #: hands py:torch.data.loader.Loader.watch exact
        self.done.put(1)  #: not hands py:torch.data.loader.Loader.take

    def watch(self):
        self.done.get()


class Other:
    def take(self):
        return self.data.get()
