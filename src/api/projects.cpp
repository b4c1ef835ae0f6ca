#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/answers.hpp"
#include "api/body.hpp"
#include "api/documents.hpp"
#include "api/handlers.hpp"
#include "wire/views.hpp"

namespace baton::api {

awaitable<Result<Answer>> put_project(Place& place, Call call) {
  auto id = project_of(call);
  if (!id) co_return fail(id.error());
  Body body(call);
  const auto user = body.user();
  auto name = body.text("name", true);
  const auto pipeline = body.text("pipeline", true);
  const auto file = body.text("file", true);
  const auto params = body.values("params");
  body.refuse_others();
  if (!std::filesystem::path(file).is_absolute()) body.complain("file", "is not an absolute path");
  if (body.error()) co_return fail(*body.error());

  auto json = wire::dump({{"pipeline", pipeline}, {"file", file}, {"params", params}, {"name", name}});
  const auto document = co_await parse_document(place, json);
  if (!document) co_return fail(document.error());
  const auto put = co_await place.store.put_project({.id = *id, .user = user, .name = name, .document = std::move(json)});
  if (!put) co_return fail(put.error());
  co_return json_answer(200, {{"id", id->value()}, {"name", name}, {"nodes", document->project.nodes.size()}});
}

}  // namespace baton::api
