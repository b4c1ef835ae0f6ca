#include "scheduling/stop.hpp"

#include "core/mutants.hpp"
#include "scheduling/failpoint.hpp"

namespace baton {

awaitable<Result<void>> stop_run(Store& store, Wakeups& wakeups, core::RunKey run, core::Desire desire) {
  // The mark first: a message alone is settled by a pass that does not see the desire yet.
  const bool message_first = core::mutant(core::Mutant::message_first);
  if (message_first) co_await wakeups.publish({run});
  const auto desired = co_await store.desire(run, desire);
  failpoint("desired-before-publish", run);
  // Unknown whether it was written: a message too many costs a pass, one too few 15 s.
  const bool maybe_written = desired || desired.error().code == "store.unavailable";
  if (!message_first && maybe_written) co_await wakeups.publish_soon(run);
  if (!desired) co_return fail(desired.error());
  co_return Result<void>{};
}

}  // namespace baton
