"""What restoring functions would meet, told before anything is changed: what waits in queues, whether there is room."""

from __future__ import annotations

from aws_asking import halted, opened, order
from aws_servers import Names, Server
from killswitch_backends.aws_lambda import KIND
from killswitch_backends.restores import ForeseesRestores


async def test_what_waits_in_a_queue_is_told_where_it_can_be_read(server: Server) -> None:
    name, queue = Names.new("agent"), Names.new("queue")
    server.make_function(name, server.make_role(Names.new("role")))
    server.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=7)
    server.feed(name, queue)
    async with opened(KIND, server.functions()) as backend:
        assert isinstance(backend, ForeseesRestores)
        watch = await halted(backend, name)
        if server.sim is None:
            sqs = server.client("sqs")
            url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
            for number in range(3):
                sqs.send_message(QueueUrl=url, MessageBody=f"refund {number}")
        (found,) = await backend.foresee([watch], order())
        assert found.action == "reserve 7 again, enable 1 event sources"
        (waiting, events) = found.backlog
        if server.sim is None:
            assert waiting == f"queue {queue}: about 3 messages wait and are worked off at once"
        else:
            assert waiting.startswith(f"queue {queue}: how much waits there could not be read")
        assert events.startswith("asynchronous events")
        assert (await backend.compare(watch, order())) == []  # type: ignore[attr-defined]  # nothing was changed


async def test_room_that_others_took_meanwhile_is_told(simulator: Server) -> None:
    server, name, other = simulator, Names.new("agent"), Names.new("other")
    role, client = server.make_role(Names.new("role")), server.client("lambda")
    server.make_function(name, role)
    server.make_function(other, role)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=50)
    async with opened(KIND, server.functions()) as backend:
        watch = await halted(backend, name)
        (room,) = await backend.foresee([watch], order())  # type: ignore[attr-defined]
        assert room.obstacles == ()
        free = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
        client.put_function_concurrency(FunctionName=other, ReservedConcurrentExecutions=free - 120)
        try:
            (short,) = await backend.foresee([watch], order())  # type: ignore[attr-defined]
        finally:
            client.delete_function_concurrency(FunctionName=other)
        assert short.obstacles[0].startswith("50 executions are to be reserved again, 20 are free")
