/// Which handler answers which path.
#pragma once

#include <span>
#include <string_view>

#include "api/http.hpp"
#include "api/service.hpp"

namespace baton::api {

/// @param call  its `names` are those of the route
using Handle = awaitable<Result<Answer>> (*)(Place& place, Call call);

/// `pattern`: segments, `{name}` takes any; the last one may end with a verb: `{project}:stop`. Without a verb the last segment's name takes
/// no ':'.
struct Route {
  std::string_view method, pattern;
  Handle handle;
};

/// All routes of docs/api.md.
[[nodiscard]] std::span<const Route> routes();

/// The route of a call, whose `names` are filled in; null: there is none, and `allowed` says which methods the path knows ("" = no such
/// path).
[[nodiscard]] const Route* find_route(std::span<const Route> table, Call& call, std::string& allowed);

/// Answers a call: routes it, and turns errors into answers.
[[nodiscard]] awaitable<Answer> answer(Place& place, Call call);

}  // namespace baton::api
