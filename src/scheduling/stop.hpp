/// Stopping a run: what the command line and the API do alike.
#pragma once

#include "ports/store.hpp"
#include "scheduling/wakeups.hpp"

namespace baton {

/// Writes that the run is to be cancelled (or removed) with its mark, and publishes: every pass pursues it from now on (R11). Of a run that
/// is final nothing changes. Errors: those of Store::desire.
awaitable<Result<void>> stop_run(Store& store, Wakeups& wakeups, core::RunKey run, core::Desire desire = core::Desire::cancel);

}  // namespace baton
