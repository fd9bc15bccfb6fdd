"""The read log: the states of a shop's facts that one answer was read from."""

from graphql_app.audience.recorder import Recorder


class ReadLog:
    """The states of a shop's facts that the reads of one answer came from.

    A state is the number of the shop's writes that it includes. The state of a read from memory is
    exact. The state of a statement is exact only if no write began meanwhile, which is known
    afterwards.
    """

    def __init__(self, recorder: Recorder, shop_id: int) -> None:
        self._recorder = recorder
        self._shop_id = shop_id
        self._states: set[int] = set()
        self._unverified = False

    def note_state(self, writes: int) -> None:
        """Note a read from memory, which includes exactly the first ``writes`` writes."""
        self._states.add(writes)

    def note_statement(self) -> None:
        """Note a statement that is about to begin."""
        self._states.add(self._recorder.write_log.count_writes(self._shop_id))
        self._unverified = True

    def merge(self, other: "ReadLog") -> None:
        """Note what another log of the same shop has noted."""
        self._states |= other._states
        self._unverified |= other._unverified

    @property
    def needs_poll(self) -> bool:
        """Whether ``is_one_state`` has to ask the store for the writes of other processes."""
        shared = self._recorder.change_feed is not None
        return shared and self._unverified and len(self._states) == 1

    def is_one_state(self) -> bool:
        """Return whether everything noted so far was read from one state.

        Raises:
            AppError: The change feed cannot be read.
        """
        if len(self._states) > 1:
            return False
        if self._unverified:
            [writes] = self._states
            self._recorder.catch_up()
            log = self._recorder.write_log
            self._unverified = not log.is_unchanged_since(self._shop_id, writes)
        return not self._unverified
