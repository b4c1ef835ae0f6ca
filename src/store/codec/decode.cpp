#include <algorithm>

#include "store/codec/codec.hpp"
#include "store/codec/names.hpp"
#include "store/codec/reader.hpp"

namespace baton::store {
namespace {

template <class T, class Read>
Result<T> read(std::string_view text, std::string_view thing, Read from) {
  try {
    T content;
    Reader in(text);
    from(in, content);
    in.end();
    return content;
  } catch (const Damaged& damaged) {
    return fail({.code = "store.damaged",
                 .what = "the stored " + std::string(thing) + " cannot be read: " + damaged.what(),
                 .where = std::string(text.substr(0, 80)),
                 .way_out = {}});
  }
}

void file(Reader& in, core::FileInput& content) {
  in.object(required("file", content.path), optional("directory", content.directory), optional("by_stat", content.by_stat));
}

void stamp(Reader& in, core::Stamp& content) {
  in.object(required("path", content.path), required("stat", content.stat), required("digest", content.digest),
            optional("settled", content.settled));
}

void product(Reader& in, core::Product& content) {
  core::Stamp made;
  core::Value value;
  auto value_member = optional("value", value.json);
  auto path = optional("path", made.path);
  auto stat = optional("stat", made.stat);
  auto digest = optional("digest", made.digest);
  in.object(required("port", content.port), value_member, path, stat, digest, optional("settled", made.settled));
  if (value_member.seen) {
    content.content = std::move(value);
  } else {
    in.need(path, stat, digest);
    content.content = std::move(made);
  }
}

void key(Reader& in, core::Key& content) {
  in.object(required("definition", content.definition), optional("inputs", content.inputs));
}

void reason_kind(Reader& in, core::ReasonKind& content) {
  std::string name;
  in.value(name);
  const auto kind = core::reason_kind_from(name);
  if (!kind) in.damaged("'" + name + "' is no reason");
  content = *kind;
}

void reason(Reader& in, core::Reason& content) {
  in.object(required("kind", content.kind, reason_kind), optional("port", content.port), optional("detail", content.detail));
}

void error(Reader& in, Error& content) {
  in.object(required("code", content.code), required("what", content.what), optional("where", content.where),
            optional("way_out", content.way_out));
}

void success(Reader& in, core::Success& content) {
  in.object(required("run", content.run), required("iteration", content.iteration), required("attempt", content.attempt),
            required("key", content.key, key), list_of("products", content.products, product),
            list_of("stamps", content.stamps, stamp), optional("submitted", content.submitted),
            optional("started", content.started), optional("ended", content.ended), optional("log", content.log),
            optional("simulated", content.simulated));
}

void output_kind(Reader& in, core::OutputKind& content) {
  std::string name;
  in.value(name);
  const auto* const found = std::ranges::find(output_kind_names, name);
  if (found == output_kind_names.end()) in.damaged("'" + name + "' is no kind of output");
  content = static_cast<core::OutputKind>(found - output_kind_names.begin());
}

void output(Reader& in, core::Output& content) {
  in.object(required("port", content.port), required("kind", content.kind, output_kind), optional("name", content.name),
            optional("by_stat", content.by_stat));
}

void limits(Reader& in, core::Limits& content) {
  in.object(optional("run", content.run), optional("silence", content.silence), optional("waiting", content.waiting),
            optional("grace", content.grace));
}

void retries(Reader& in, core::Retries& content) {
  in.object(optional("max", content.max), optional("lost", content.lost), optional("backoff", content.backoff),
            optional("exit", content.on_exit), optional("timeout", content.on_timeout), optional("oom", content.on_oom));
}

void step(Reader& in, std::shared_ptr<const core::Step>& into) {
  auto content = std::make_shared<core::Step>();
  in.object(required("name", content->name), required("shell", content->command.shell), optional("words", content->command.words),
            list_of("outputs", content->outputs, output), optional("env", content->env),
            optional("resources", content->resources), optional("limits", content->limits, limits),
            optional("retries", content->retries, retries), optional("cache", content->cache), optional("image", content->image),
            list_of("files", content->files, file), optional("label", content->label),
            optional("description", content->description), optional("line", content->place.line),
            optional("column", content->place.column));
  into = std::move(content);
}

void source(Reader& in, core::From::Source& content) {
  core::Product made;
  auto given = optional("given", made, product);
  auto node = optional("node", content.node);
  in.object(required("port", content.port), given, node);
  if (given.seen) {
    content.node = 0;
    content.given = std::make_shared<const core::Product>(std::move(made));
  } else {
    in.need(node);
  }
}

void input(Reader& in, core::Input& content) {
  core::Literal literal;
  core::Param param;
  core::FileInput of_user;
  core::From from;
  auto literal_member = optional("literal", literal.value.json);
  auto param_member = optional("param", param.name);
  auto value = optional("value", param.value.json);
  auto path = optional("file", of_user.path);
  auto sources = list_of("from", from.sources, source);
  in.object(required("port", content.port), literal_member, param_member, value, path, optional("directory", of_user.directory),
            optional("by_stat", of_user.by_stat), sources, optional("gather", from.gather));
  if (literal_member.seen) {
    content.source = std::move(literal);
  } else if (param_member.seen) {
    in.need(value);
    content.source = std::move(param);
  } else if (path.seen) {
    content.source = std::move(of_user);
  } else {
    in.need(sources);
    content.source = std::move(from);
  }
}

void bound_value(Reader& in, std::pair<std::string, core::Value>& content) {
  std::vector<std::string> name_and_value;
  in.value(name_and_value);
  if (name_and_value.size() != 2) in.damaged("a value without its name");
  content = {std::move(name_and_value[0]), {std::move(name_and_value[1])}};
}

void previous_success(Reader& in, std::shared_ptr<const core::Success>& into) {
  auto content = std::make_shared<core::Success>();
  success(in, *content);
  into = std::move(content);
}

void task(Reader& in, core::TaskDefinition& content, const Steps& steps) {
  std::size_t position = 0;
  auto& node = content.node;
  in.object(required("id", node.id), required("step", position), list_of("foreach", node.foreach, bound_value),
            list_of("params", node.params, bound_value), list_of("inputs", node.inputs, input), optional("after", node.after),
            list_of("reasons", content.reasons, reason), required("key", content.key, key),
            optional("previous", content.previous, previous_success), optional("may_cut_off", content.may_cut_off),
            list_of("stamps", content.stamps, stamp));
  if (position >= steps.size()) in.damaged("its step is not among those of the run");
  node.step = steps[position];
}

}  // namespace

Result<Steps> steps_from(std::string_view json) {
  return read<Steps>(json, "steps", [](Reader& in, Steps& into) { list(in, into, step); });
}
Result<core::TaskDefinition> task_from(std::string_view json, const Steps& steps) {
  return read<core::TaskDefinition>(json, "task", [&](Reader& in, core::TaskDefinition& into) { task(in, into, steps); });
}
Result<core::Resources> resources_from(std::string_view json) {
  return read<core::Resources>(json, "resources", [](Reader& in, core::Resources& into) { in.value(into); });
}
Result<core::Success> success_from(std::string_view json) { return read<core::Success>(json, "success", success); }
Result<core::Reasons> reasons_from(std::string_view json) {
  return read<core::Reasons>(json, "reasons", [](Reader& in, core::Reasons& into) { list(in, into, reason); });
}
Result<std::vector<Error>> errors_from(std::string_view json) {
  return read<std::vector<Error>>(json, "errors", [](Reader& in, std::vector<Error>& into) { list(in, into, error); });
}

}  // namespace baton::store
