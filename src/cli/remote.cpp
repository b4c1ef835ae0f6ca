#include "cli/remote.hpp"

#include <algorithm>
#include <utility>

#include "core/key.hpp"

namespace baton::cli {
namespace {

/// The space of project ids. It never changes: ids of projects that are there already would.
constexpr std::string_view projects_space = "2d8d5c0e-7a1b-5f43-9c5e-64b1d1f0a7b2";

UserId user_of(const Options& options) { return UserId(options.user.value_or(1)); }

bool is_uuid(std::string_view text) {
  constexpr std::string_view shape = "00000000-0000-0000-0000-000000000000";
  return text.size() == shape.size() && std::ranges::equal(text, shape, [](char c, char form) {
           const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           return form == '-' ? c == '-' : hex;
         });
}

/// As a shell takes it for one word.
std::string shell_word(const std::string& word) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/:,=@%+";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

}  // namespace

Result<void> reach_server(Session& session) {
  const auto& options = session.options;
  auto server =
      session.house.server({.urls = options.server, .user = user_of(options), .trouble = [&session](const Error& why) {
                              session.terminal.talk("no server answers, tried again: " + printable(why.what) +
                                                    (why.where.empty() ? "" : " (" + printable(why.where) + ")") + "\n");
                            }});
  if (!server) return fail(server.error());
  session.server = std::move(*server);
  if (options.verb == Verb::quarantine) return {};
  auto id = options.project;
  std::ranges::transform(id, id.begin(), [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (!id.empty() && !is_uuid(id))
    return fail({.code = "usage.project", .what = "--project: '" + id + "' is no UUID", .where = {}, .way_out = {}});
  if (id.empty()) {
    const auto name = name_of_pipeline(session);
    if (!name) return fail(name.error());
    id = core::uuid5(projects_space, std::to_string(user_of(options).value()) + "/" + *name);
  }
  session.places.project = ProjectId(std::move(id));
  return {};
}

awaitable<Result<void>> put_project(Session& session, const Pipeline& pipeline) {
  Server::Upload upload{.id = session.places.project,
                        .name = pipeline.project.name,
                        .document = std::string(pipeline.document),
                        .file = session.places.file,
                        .params = pipeline.values};
  const auto put = co_await session.server->put_project(std::move(upload));
  if (!put) co_return fail(as_typed(session, put.error()));
  co_return Result<void>{};
}

Error as_typed(const Session& session, Error error) {
  const auto absolute = session.places.file + ":";
  if (error.where.starts_with(absolute)) error.where.replace(0, absolute.size() - 1, session.options.file);
  return error;
}

Error not_understood(const Error& error) {
  return {.code = "server.bad_answer",
          .what = "an answer of the server cannot be read: " + (error.where.empty() ? "" : error.where + ": ") + error.what,
          .where = {},
          .way_out = "is it a `baton serve` of this version?"};
}

Server::Start wanted(const Session& session) {
  return {.project = session.places.project,
          .nodes = session.options.nodes,
          .force = session.options.force,
          .keep_going = session.options.keep_going,
          .simulated = session.options.simulate.has_value(),
          .collection = {}};
}

std::string command_line(const Session& session, std::string_view command) {
  const auto& options = session.options;
  auto text = "baton " + std::string(command);
  if (!options.file.empty()) text += " " + shell_word(options.file);
  text += " --server " + shell_word(options.server);
  if (!options.project.empty()) text += " --project " + shell_word(options.project);
  if (options.user) text += " --user " + std::to_string(*options.user);
  return text;
}

Result<Reading> Reading::open(const Session& session) {
  if (session.server) return Reading(nullptr, *session.server);
  auto store = session.house.read(session.places.state);
  if (!store) return fail(store.error());
  auto& records = **store;
  return Reading(std::move(*store), records);
}

}  // namespace baton::cli
