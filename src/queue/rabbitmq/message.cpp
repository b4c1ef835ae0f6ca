#include "queue/rabbitmq/message.hpp"

#include <charconv>
#include <optional>

#include "core/json_reader.hpp"
#include "core/python_json.hpp"

namespace baton {
namespace {

constexpr std::size_t body_bytes_max = 64 * 1024;
constexpr std::size_t project_bytes_max = 255;

std::optional<std::int64_t> integer(core::JsonReader& reader) {
  const auto text = reader.number();
  std::int64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

tl::unexpected<Error> bad(std::string what) {
  return fail({.code = "queue.bad_message", .what = "a message is no wake-up: " + std::move(what), .where = {}, .way_out = {}});
}

}  // namespace

std::string to_message(const core::RunKey& run, std::string_view channel_name) {
  return R"({"channel_name":)" + core::python_string(channel_name) + R"(,"user_id":)" + std::to_string(run.user.value()) +
         R"(,"project_id":)" + core::python_string(run.project.value()) + R"(,"iteration":)" +
         std::to_string(run.iteration.value()) + "}";
}

Result<core::RunKey> from_message(std::string_view body) {
  if (body.size() > body_bytes_max) return bad("it has " + std::to_string(body.size()) + " bytes");
  core::JsonReader reader(body);
  std::optional<std::int64_t> user, iteration;
  std::optional<std::string> project;
  if (!reader.take('{')) return bad("it is no JSON object");
  while (reader.peek() != '}') {
    const auto name = reader.string();
    if (!name || !reader.take(':')) return bad("it ends early, or is no JSON, at byte " + std::to_string(reader.position()));
    if (*name == "user_id") {
      user = integer(reader);
      if (!user) return bad("'user_id' is no integer");
    } else if (*name == "project_id") {
      project = reader.string();
      if (!project || project->empty() || project->size() > project_bytes_max) return bad("'project_id' is no id");
    } else if (*name == "iteration") {
      iteration = integer(reader);
      if (!iteration || *iteration < 1) return bad("'iteration' is no number from 1");
    } else if (!reader.value()) {
      return bad("'" + *name + "' has no value");
    }
    if (!reader.take(',')) break;
    if (reader.peek() == '}') return bad("it has a comma too many");
  }
  if (!user || !project || !iteration) return bad("it lacks 'user_id', 'project_id' or 'iteration'");
  if (!reader.take('}') || !reader.at_end()) return bad("it is no JSON, at byte " + std::to_string(reader.position()));
  return core::RunKey{UserId(*user), ProjectId(std::move(*project)), Iteration(*iteration)};
}

}  // namespace baton
