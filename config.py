# pyinfra runs this before it reads the inventory; the settings are then checked before it connects to any host,
# and connections are made strictly.
import atexit
import gc
import sys

# pyinfra forbids byte code, so that every run would compile this project again: half a second.
sys.dont_write_bytecode = False

from kometa_host.controller.preflight import check_settings_before_connecting  # noqa: E402
from operations.engine.command_line import judge_facts, refuse_unanswered_questions  # noqa: E402
from operations.engine.connection import connect_strictly  # noqa: E402
from operations.engine.interrupt import end_with_words  # noqa: E402
from operations.engine.speed import install_faster_answers  # noqa: E402

check_settings_before_connecting()
connect_strictly()
end_with_words()
refuse_unanswered_questions()
judge_facts()
install_faster_answers()

# What is loaded stays to the end. Python would look through all of it for garbage, again and again and as it ends:
# a tenth of a second of each run.
gc.freeze()
atexit.register(gc.freeze)
