"""What a job does: `dispatch.take` takes the next turn of a request, by the handler of its verb."""
