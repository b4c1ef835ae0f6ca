#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "api/answers.hpp"
#include "api/body.hpp"
#include "api/handlers.hpp"
#include "formats/nearest.hpp"
#include "wire/views.hpp"

namespace baton::api {
namespace {

constexpr std::size_t held_max = 1000;

std::optional<std::int64_t> number_from(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (wrong != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

/// `user:project:iteration`, as core::to_text writes it. A project's name of the embedded kind may hold colons.
std::optional<core::RunKey> run_from(std::string_view text) {
  const auto first = text.find(':');
  const auto last = text.rfind(':');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  const auto user = number_from(text.substr(0, first));
  const auto iteration = number_from(text.substr(last + 1));
  if (!user || !iteration) return std::nullopt;
  return core::RunKey{UserId(*user), ProjectId(std::string(text.substr(first + 1, last - first - 1))), Iteration(*iteration)};
}

}  // namespace

awaitable<Result<Answer>> list_quarantine(Place& place, Call) {
  const auto held = co_await place.store.held(held_max);
  if (!held) co_return fail(held.error());
  auto list = nlohmann::json::array();
  for (const auto& run : *held) list.push_back(wire::json_of(run));
  co_return json_answer(200, {{"runs", std::move(list)}});
}

awaitable<Result<Answer>> release_from_quarantine(Place& place, Call call) {
  const auto& name = call.names.at("run");
  const auto run = run_from(name);
  if (!run)
    co_return fail({.code = "api.invalid",
                    .what = formats::quote(name) + " is not USER:PROJECT:ITERATION",
                    .where = "the path",
                    .way_out = {}});
  const auto released = co_await place.store.release_held(*run);
  if (!released) co_return fail(released.error());
  place.did("released", *run);
  if (released->publish) co_await place.wakeups.publish_soon(*run);
  const auto view = co_await place.store.run(*run);
  if (!view) co_return fail(view.error());
  co_return json_answer(202, {{"run", wire::json_of(*view)}});
}

}  // namespace baton::api
