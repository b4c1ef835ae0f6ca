/// What an answer of a server means.
#pragma once

#include <optional>

#include "client/http.hpp"

namespace baton::client {

/// A server that cannot answer now, or something on the way to it: another try may succeed.
[[nodiscard]] bool is_passing(const Answer& answer);
/// What an answer says went wrong; none: nothing did.
[[nodiscard]] std::optional<Error> error_of(const Answer& answer, const Address& server);
/// No server has answered for too long.
[[nodiscard]] Error unreachable(const Error& last, core::Duration how_long);

}  // namespace baton::client
