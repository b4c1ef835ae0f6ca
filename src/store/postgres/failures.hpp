/// What the client reports, in the words of the Store port.
#pragma once

#include "core/result.hpp"
#include "postgres/types.hpp"

namespace baton::store {

/// store.unavailable for what may pass; else store.damaged: the database is not as this version needs it.
[[nodiscard]] Error error_of(const postgres::Failure& failure);

}  // namespace baton::store
