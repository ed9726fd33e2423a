"""The Celery application of test_clients.py: broker and result backend are the server under test."""
import os

from celery import Celery, chord, group

options = os.environ.get("TEST_URL_OPTIONS", "")
app = Celery("celery_app", broker=os.environ["TEST_URL"] + "/0" + options, backend=os.environ["TEST_URL"] + "/1" + options)
app.conf.update(broker_connection_retry_on_startup=True, worker_prefetch_multiplier=4,
                result_expires=3600)


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def fails_twice(self, key):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task
def broken():
    raise ValueError("on purpose")


def main():
    assert add.delay(2, 3).get(timeout=30) == 5
    results = [add.delay(i, i) for i in range(50)]
    assert [r.get(timeout=30) for r in results] == [2 * i for i in range(50)]
    assert group(add.s(i, 1) for i in range(10))().get(timeout=30) == list(range(1, 11))
    assert chord((add.s(i, i) for i in range(10)), total.s())().get(timeout=30) == 90
    assert fails_twice.delay("k").get(timeout=30) == 2
    try:
        broken.delay().get(timeout=30)
    except ValueError as e:
        assert "on purpose" in str(e)
    else:
        raise AssertionError("the failure did not arrive")
    print("celery: all right")


if __name__ == "__main__":
    main()
