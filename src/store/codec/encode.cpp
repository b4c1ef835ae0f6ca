#include <array>

#include "store/codec/codec.hpp"
#include "store/codec/names.hpp"
#include "store/codec/writer.hpp"

namespace baton::store {
namespace {

template <class List>
void texts(Writer& out, std::string_view key, const List& list) {
  if (list.empty()) return;
  out.name(key);
  out.begin_array();
  for (const auto& item : list) out.value(item);
  out.end_array();
}

template <class Map>
void object_of(Writer& out, const Map& map) {
  out.begin_object();
  for (const auto& [name, value] : map) out.field(name, value);
  out.end_object();
}

template <class Map>
void pairs(Writer& out, std::string_view key, const Map& map) {
  if (map.empty()) return;
  out.name(key);
  object_of(out, map);
}

// An array of what `write` makes of each; nothing where there is none.
template <class List, class Write>
void items(Writer& out, std::string_view key, const List& list, Write write) {
  if (list.empty()) return;
  out.name(key);
  out.begin_array();
  for (const auto& item : list) write(out, item);
  out.end_array();
}

void file_fields(Writer& out, const core::FileInput& file) {
  out.field("file", file.path);
  out.field("directory", file.directory, false);
  out.field("by_stat", file.by_stat, false);
}

void file(Writer& out, const core::FileInput& input) {
  out.begin_object();
  file_fields(out, input);
  out.end_object();
}

void stamp_fields(Writer& out, const core::Stamp& stamp) {
  out.field("path", stamp.path);
  out.field("stat", stamp.stat);
  out.field("digest", stamp.digest);
  out.field("settled", stamp.settled, true);
}

void stamp(Writer& out, const core::Stamp& content) {
  out.begin_object();
  stamp_fields(out, content);
  out.end_object();
}

void product(Writer& out, const core::Product& product) {
  out.begin_object();
  out.field("port", product.port);
  if (const auto* value = std::get_if<core::Value>(&product.content)) {
    out.field("value", value->json);
  } else {
    stamp_fields(out, std::get<core::Stamp>(product.content));
  }
  out.end_object();
}

void key(Writer& out, const core::Key& key) {
  out.name("key");
  out.begin_object();
  out.field("definition", key.definition);
  pairs(out, "inputs", key.inputs);
  out.end_object();
}

void reason(Writer& out, const core::Reason& reason) {
  out.begin_object();
  out.field("kind", core::to_text(reason.kind));
  out.field("port", reason.port, std::string());
  out.field("detail", reason.detail, std::string());
  out.end_object();
}

void error(Writer& out, const Error& error) {
  out.begin_object();
  out.field("code", error.code);
  out.field("what", error.what);
  out.field("where", error.where, std::string());
  out.field("way_out", error.way_out, std::string());
  out.end_object();
}

void success(Writer& out, const core::Success& success) {
  out.begin_object();
  out.field("run", success.run.value());
  out.field("iteration", success.iteration.value());
  out.field("attempt", success.attempt);
  key(out, success.key);
  items(out, "products", success.products, product);
  items(out, "stamps", success.stamps, stamp);
  out.field("submitted", success.submitted);
  out.field("started", success.started);
  out.field("ended", success.ended);
  out.field("log", success.log, std::string());
  out.field("simulated", success.simulated, false);
  out.end_object();
}

void output(Writer& out, const core::Output& output) {
  out.begin_object();
  out.field("port", output.port);
  out.field("kind", output_kind_names[static_cast<std::size_t>(output.kind)]);
  out.field("name", output.name, std::string());
  out.field("by_stat", output.by_stat, false);
  out.end_object();
}

void limits(Writer& out, const core::Limits& limits) {
  if (limits == core::Limits{}) return;
  out.name("limits");
  out.begin_object();
  out.field("run", limits.run);
  out.field("silence", limits.silence);
  out.field("waiting", limits.waiting);
  out.field("grace", limits.grace);
  out.end_object();
}

void retries(Writer& out, const core::Retries& retries) {
  if (retries == core::Retries{}) return;
  out.name("retries");
  out.begin_object();
  out.field("max", retries.max);
  out.field("lost", retries.lost);
  out.field("backoff", retries.backoff);
  out.field("exit", retries.on_exit);
  out.field("timeout", retries.on_timeout);
  out.field("oom", retries.on_oom);
  out.end_object();
}

void step(Writer& out, const std::shared_ptr<const core::Step>& step) {
  out.begin_object();
  out.field("name", step->name);
  out.field("shell", step->command.shell);
  texts(out, "words", step->command.words);
  items(out, "outputs", step->outputs, output);
  pairs(out, "env", step->env);
  pairs(out, "resources", step->resources);
  limits(out, step->limits);
  retries(out, step->retries);
  out.field("cache", step->cache, true);
  out.field("image", step->image, std::string());
  items(out, "files", step->files, file);
  out.field("label", step->label, std::string());
  out.field("description", step->description, std::string());
  out.field("line", step->place.line, 0U);
  out.field("column", step->place.column, 0U);
  out.end_object();
}

void source(Writer& out, const core::From::Source& source) {
  out.begin_object();
  out.field("port", source.port);
  if (source.given) {
    out.name("given");
    product(out, *source.given);
  } else {
    out.field("node", source.node);
  }
  out.end_object();
}

struct InputFields {
  Writer& out;
  void operator()(const core::Literal& literal) const { out.field("literal", literal.value.json); }
  void operator()(const core::Param& param) const {
    out.field("param", param.name);
    out.field("value", param.value.json);
  }
  void operator()(const core::FileInput& input) const { file_fields(out, input); }
  void operator()(const core::From& from) const {
    out.name("from");
    out.begin_array();
    for (const auto& from_source : from.sources) source(out, from_source);
    out.end_array();
    out.field("gather", from.gather, false);
  }
};

void input(Writer& out, const core::Input& input) {
  out.begin_object();
  out.field("port", input.port);
  std::visit(InputFields{out}, input.source);
  out.end_object();
}

// The order of these matters: `${params.P}` of a document is looked up in it.
void bound_values(Writer& out, std::string_view key, const std::vector<std::pair<std::string, core::Value>>& values) {
  items(out, key, values, [](Writer& to, const auto& bound) {
    to.begin_array();
    to.value(bound.first);
    to.value(bound.second.json);
    to.end_array();
  });
}

template <class List, class Write>
std::string array_of(const List& list, Write write) {
  Writer out;
  out.begin_array();
  for (const auto& item : list) write(out, item);
  out.end_array();
  return out.take();
}

}  // namespace

std::string to_json(const Steps& steps) { return array_of(steps, step); }

std::string to_json(const core::TaskDefinition& task, std::size_t step_position) {
  Writer out;
  out.begin_object();
  out.field("id", task.node.id.value());
  out.field("step", std::uint64_t{step_position});
  bound_values(out, "foreach", task.node.foreach);
  bound_values(out, "params", task.node.params);
  items(out, "inputs", task.node.inputs, input);
  texts(out, "after", task.node.after);
  items(out, "reasons", task.reasons, reason);
  key(out, task.key);
  if (task.previous) {
    out.name("previous");
    success(out, *task.previous);
  }
  out.field("may_cut_off", task.may_cut_off, false);
  items(out, "stamps", task.stamps, stamp);
  out.end_object();
  return out.take();
}

std::string to_json(const core::Resources& resources) {
  Writer out;
  object_of(out, resources);
  return out.take();
}

std::string to_json(const core::Success& content) {
  Writer out;
  success(out, content);
  return out.take();
}

std::string to_json(const core::Reasons& reasons) { return array_of(reasons, reason); }
std::string to_json(const std::vector<Error>& errors) { return array_of(errors, error); }

}  // namespace baton::store
