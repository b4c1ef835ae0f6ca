/// Locks of replicas that are gone: they need not be waited for. Those of others than replicas are: theirs are the same names (C§2.4), and
/// nobody here knows whether such a holder lives.
#pragma once

#include <string>

#include "ports/lock.hpp"
#include "ports/store.hpp"

namespace baton {

/// Frees a lock whose holder is gone. @param held  the answer `lock.held` of an acquire: its `where` is the holder's token. @return
/// whether it is worth another try at once
awaitable<bool> free_if_gone(Store& store, Lock& lock, std::string name, Error held);

}  // namespace baton
