#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "store/codec/codec.hpp"
#include "store/codec/names.hpp"

namespace baton::store {
namespace {

using nlohmann::json;

constexpr int depth_max = 16;  // ours are 8 deep; a damaged text may be anything

// Leaves this file as store.damaged only.
struct Damaged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

json parse(std::string_view text) {
  return json::parse(text, [](int depth, json::parse_event_t, json&) {
    return depth <= depth_max ? true : throw Damaged("it is nested too deeply");
  });
}

template <class Read>
auto read(std::string_view text, std::string_view thing, Read from) -> Result<decltype(from(json()))> {
  try {
    return from(parse(text));
  } catch (const std::exception& error) {
    return fail({.code = "store.damaged",
                 .what = "the stored " + std::string(thing) + " cannot be read: " + error.what(),
                 .where = std::string(text.substr(0, 80)),
                 .way_out = {}});
  }
}

// A field of any type that a reader below knows; false: it is not there.
bool get(const json& object, const char* name, const json*& content) {
  const auto found = object.find(name);
  if (found == object.end()) return false;
  content = &*found;
  return true;
}
const json& required(const json& object, const char* name) {
  const json* content = nullptr;
  if (!object.is_object() || !get(object, name, content)) throw Damaged(std::string("'") + name + "' is missing");
  return *content;
}
template <class T>
T required_as(const json& object, const char* name) {
  return required(object, name).get<T>();
}
template <class T>
void take(const json& object, const char* name, T& into) {
  if (const json* content = nullptr; get(object, name, content)) into = content->get<T>();
}
template <class T>
void take(const json& object, const char* name, T& into, T (*from)(const json&)) {
  if (const json* content = nullptr; get(object, name, content)) into = from(*content);
}
template <class T>
void take_list(const json& object, const char* name, std::vector<T>& into, T (*from)(const json&)) {
  const json* content = nullptr;
  if (!get(object, name, content)) return;
  if (!content->is_array()) throw Damaged(std::string("'") + name + "' is no list");
  into.reserve(content->size());
  for (const auto& item : *content) into.push_back(from(item));
}
template <class T>
std::vector<T> list(const json& array, T (*from)(const json&)) {
  if (!array.is_array()) throw Damaged("it is no list");
  std::vector<T> items;
  items.reserve(array.size());
  for (const auto& item : array) items.push_back(from(item));
  return items;
}

core::Duration duration(const json& content) { return core::Duration(content.get<std::int64_t>()); }
std::optional<core::Duration> some_duration(const json& content) { return duration(content); }
core::Instant instant(const json& content) { return core::Instant(duration(content)); }
std::string text(const json& content) { return content.get<std::string>(); }
Index index(const json& content) { return content.get<Index>(); }

core::FileInput file(const json& object) {
  core::FileInput input{.path = required_as<std::string>(object, "file")};
  take(object, "directory", input.directory);
  take(object, "by_stat", input.by_stat);
  return input;
}

core::Stamp stamp(const json& object) {
  core::Stamp content{.path = required_as<std::string>(object, "path"),
                      .stat = required_as<std::string>(object, "stat"),
                      .digest = required_as<std::string>(object, "digest")};
  take(object, "settled", content.settled);
  return content;
}

core::Product product(const json& object) {
  core::Product content{.port = required_as<std::string>(object, "port"), .content = core::Value{}};
  if (const json* value = nullptr; get(object, "value", value)) {
    content.content = core::Value{text(*value)};
  } else {
    content.content = stamp(object);
  }
  return content;
}

core::Key key(const json& object) {
  core::Key content{.definition = required_as<std::string>(object, "definition"), .inputs = {}};
  take(object, "inputs", content.inputs);
  return content;
}

core::Reason reason(const json& object) {
  const auto kind = core::reason_kind_from(required_as<std::string>(object, "kind"));
  if (!kind) throw Damaged("'" + required_as<std::string>(object, "kind") + "' is no reason");
  core::Reason content{.kind = *kind, .port = {}, .detail = {}};
  take(object, "port", content.port);
  take(object, "detail", content.detail);
  return content;
}

Error error(const json& object) {
  Error content{.code = required_as<std::string>(object, "code"),
                .what = required_as<std::string>(object, "what"),
                .where = {},
                .way_out = {}};
  take(object, "where", content.where);
  take(object, "way_out", content.way_out);
  return content;
}

core::Success success(const json& object) {
  core::Success content{.run = RunId(required_as<std::int64_t>(object, "run")),
                        .iteration = Iteration(required_as<std::int64_t>(object, "iteration")),
                        .attempt = required_as<std::int32_t>(object, "attempt"),
                        .key = key(required(object, "key"))};
  take_list(object, "products", content.products, product);
  take_list(object, "stamps", content.stamps, stamp);
  take(object, "submitted", content.submitted, instant);
  take(object, "started", content.started, instant);
  take(object, "ended", content.ended, instant);
  take(object, "log", content.log);
  take(object, "simulated", content.simulated);
  return content;
}

core::Output output(const json& object) {
  const auto name = required_as<std::string>(object, "kind");
  const auto* const found = std::ranges::find(output_kind_names, name);
  if (found == output_kind_names.end()) throw Damaged("'" + name + "' is no kind of output");
  core::Output content{.port = required_as<std::string>(object, "port"),
                       .kind = static_cast<core::OutputKind>(found - output_kind_names.begin())};
  take(object, "name", content.name);
  take(object, "by_stat", content.by_stat);
  return content;
}

core::Limits limits(const json& object) {
  core::Limits content;
  take(object, "run", content.run, some_duration);
  take(object, "silence", content.silence, some_duration);
  take(object, "waiting", content.waiting, some_duration);
  take(object, "grace", content.grace, duration);
  return content;
}

core::Retries retries(const json& object) {
  core::Retries content;
  take(object, "max", content.max);
  take(object, "lost", content.lost);
  take(object, "backoff", content.backoff, duration);
  take(object, "exit", content.on_exit);
  take(object, "timeout", content.on_timeout);
  take(object, "oom", content.on_oom);
  return content;
}

std::shared_ptr<const core::Step> step(const json& object) {
  auto content = std::make_shared<core::Step>();
  content->name = required_as<std::string>(object, "name");
  content->command.shell = required_as<bool>(object, "shell");
  take_list(object, "words", content->command.words, text);
  take_list(object, "outputs", content->outputs, output);
  take(object, "env", content->env);
  take(object, "resources", content->resources);
  take(object, "limits", content->limits, limits);
  take(object, "retries", content->retries, retries);
  take(object, "cache", content->cache);
  take(object, "image", content->image);
  take_list(object, "files", content->files, file);
  take(object, "label", content->label);
  take(object, "description", content->description);
  take(object, "line", content->place.line);
  take(object, "column", content->place.column);
  return content;
}

core::From::Source source(const json& object) {
  core::From::Source content{.node = 0, .port = required_as<std::string>(object, "port"), .given = nullptr};
  if (const json* given = nullptr; get(object, "given", given)) {
    content.given = std::make_shared<const core::Product>(product(*given));
  } else {
    content.node = index(required(object, "node"));
  }
  return content;
}

core::Input input(const json& object) {
  core::Input content{.port = required_as<std::string>(object, "port"), .source = core::Literal{}};
  const json* found = nullptr;
  if (get(object, "literal", found)) {
    content.source = core::Literal{{text(*found)}};
  } else if (get(object, "param", found)) {
    content.source = core::Param{text(*found), {required_as<std::string>(object, "value")}};
  } else if (get(object, "file", found)) {
    content.source = file(object);
  } else {
    core::From from{.sources = list(required(object, "from"), source)};
    take(object, "gather", from.gather);
    content.source = std::move(from);
  }
  return content;
}

std::pair<std::string, core::Value> bound_value(const json& pair) {
  if (!pair.is_array() || pair.size() != 2) throw Damaged("a value without its name");
  return {text(pair[0]), {text(pair[1])}};
}

core::TaskDefinition task(const json& object, const Steps& steps) {
  core::TaskDefinition content;
  content.node.id = NodeId(required_as<std::string>(object, "id"));
  const auto position = required_as<std::size_t>(object, "step");
  if (position >= steps.size()) throw Damaged("its step is not among those of the run");
  content.node.step = steps[position];
  take_list(object, "foreach", content.node.foreach, bound_value);
  take_list(object, "params", content.node.params, bound_value);
  take_list(object, "inputs", content.node.inputs, input);
  take_list(object, "after", content.node.after, index);
  take_list(object, "reasons", content.reasons, reason);
  content.key = key(required(object, "key"));
  if (const json* previous = nullptr; get(object, "previous", previous)) {
    content.previous = std::make_shared<const core::Success>(success(*previous));
  }
  take(object, "may_cut_off", content.may_cut_off);
  take_list(object, "stamps", content.stamps, stamp);
  return content;
}

}  // namespace

Result<Steps> steps_from(std::string_view json_text) {
  return read(json_text, "steps", [](const json& array) { return list(array, step); });
}
Result<core::TaskDefinition> task_from(std::string_view json_text, const Steps& steps) {
  return read(json_text, "task", [&steps](const json& object) { return task(object, steps); });
}
Result<core::Success> success_from(std::string_view json_text) { return read(json_text, "success", success); }
Result<core::Reasons> reasons_from(std::string_view json_text) {
  return read(json_text, "reasons", [](const json& array) { return list(array, reason); });
}
Result<std::vector<Error>> errors_from(std::string_view json_text) {
  return read(json_text, "errors", [](const json& array) { return list(array, error); });
}

}  // namespace baton::store
