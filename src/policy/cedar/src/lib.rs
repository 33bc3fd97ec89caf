//! The official Cedar engine behind four C functions (../cedar.h has their meaning). No panic leaves
//! this file: it would end the process that links it.

use std::collections::BTreeSet;
use std::ffi::{c_char, c_int, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Schema, ValidationMode,
    ValidationWarning, Validator,
};
use cedar_policy_core::ast::{EntityUID, Expr, ExprKind, Literal, Var};
use cedar_policy_core::fuzzy_match::fuzzy_search_limited;
use cedar_policy_core::parser::Loc;
use cedar_policy_core::validator::ValidatorSchema;
use serde_json::{json, Value};

pub struct Loaded {
    policies: PolicySet,
    schema: Schema,
    authorizer: Authorizer,
}

/// A fault, at a place in the text: 1-based line and column.
fn fault_at(text: &str, offset: Option<usize>, message: &str) -> Value {
    let (line, column) = match offset.and_then(|o| text.get(..o.min(text.len()))) {
        Some(before) => (
            before.matches('\n').count() + 1,
            before.chars().rev().take_while(|c| *c != '\n').count() + 1,
        ),
        None => (0, 0),
    };
    json!({"line": line, "column": column, "message": message})
}

/// What the engine says, at its first label.
fn fault(text: &str, diagnostic: &dyn miette::Diagnostic) -> Value {
    let mut message = diagnostic.to_string();
    if let Some(help) = diagnostic.help() {
        message.push_str(&format!(" ({help})"));
    }
    let offset = diagnostic.labels().and_then(|mut labels| labels.next()).map(|l| l.offset());
    fault_at(text, offset, &message)
}

/// The engine's order differs from run to run: by place, each fault once.
fn sorted(mut faults: Vec<Value>) -> Vec<Value> {
    let place = |f: &Value| (f["line"].as_u64(), f["column"].as_u64(), f["message"].to_string());
    faults.sort_by_cached_key(place);
    faults.dedup();
    faults
}

/// The ids whose beginning is known (src/base/ids.h). All others may be anything.
const ID_PREFIXES: [(&str, &str); 2] = [("Tenant", "ten_"), ("Session", "ses_")];

/// `Tenant::"clinic"`, a name where an id belongs, is no type error, and matches nothing.
fn wrong_id(uid: &EntityUID) -> Option<String> {
    let kind = uid.entity_type().to_string();
    let id: &str = uid.eid().as_ref();
    let (_, prefix) = ID_PREFIXES.iter().find(|(of, _)| *of == kind)?;
    let wrong = !id.starts_with(prefix) || id.len() == prefix.len();
    wrong.then(|| format!("`{uid}` does not exist: the id of a {kind} begins with `{prefix}`"))
}

/// All attributes that `var` has in some request.
fn attributes_of(var: Var, schema: &Schema) -> BTreeSet<String> {
    let schema: &ValidatorSchema = schema.as_ref();
    let mut names = BTreeSet::new();
    for action in schema.action_ids() {
        let types: Vec<_> = match var {
            Var::Principal => action.principals().collect(),
            Var::Resource => action.resources().collect(),
            Var::Action => vec![],
            Var::Context => {
                let context = action.context_type().map(|t| t.all_attributes(schema));
                names.extend(context.iter().flat_map(|a| a.keys()).map(|k| k.to_string()));
                vec![]
            }
        };
        let known = types.into_iter().filter_map(|t| schema.get_entity_type(t));
        names.extend(known.flat_map(|t| t.attributes().keys()).map(|k| k.to_string()));
    }
    names
}

/// `has` with an attribute that nothing has is no type error: it is false, and so its rule does
/// nothing, or all that it has an exception from. The validator tells it only where the whole rule
/// is false for that.
fn unknown_attribute(tested: &Expr, attribute: &str, schema: &Schema) -> Option<String> {
    let ExprKind::Var(var) = tested.expr_kind() else { return None };
    let names = attributes_of(*var, schema);
    if names.contains(attribute) {
        return None;
    }
    let mut message = format!("no {var} has an attribute `{attribute}`");
    let names: Vec<String> = names.into_iter().collect();
    if let Some(meant) = fuzzy_search_limited(attribute, &names, Some(3)) {
        message.push_str(&format!(" (did you mean `{meant}`?)"));
    }
    Some(message)
}

/// Names in a policy that the validator lets pass and that no request can meet.
fn unmet_names(text: &str, policy: &cedar_policy::Policy, schema: &Schema) -> Vec<Value> {
    let policy: &cedar_policy_core::ast::Policy = policy.as_ref();
    let mut faults = vec![];
    for expr in policy.condition().subexpressions() {
        let (place, message) = match expr.expr_kind() {
            ExprKind::HasAttr { expr: tested, attr } => {
                (expr.source_loc(), unknown_attribute(tested, attr, schema))
            }
            ExprKind::ExtHasAttr { expr: tested, attrs } => {
                (expr.source_loc(), unknown_attribute(tested, attrs.first(), schema))
            }
            ExprKind::Lit(Literal::EntityUID(uid)) => {
                (uid.loc().or(expr.source_loc()), wrong_id(uid))
            }
            _ => continue,
        };
        if let Some(message) = message {
            faults.push(fault_at(text, place.or(policy.loc()).map(Loc::start), &message));
        }
    }
    faults
}

/// The engine decides by what is linked to a template, and nothing is linked here: passed over, it
/// would be a rule that does nothing.
fn unlinked(text: &str, template: &cedar_policy::Template) -> Value {
    let template: &cedar_policy_core::ast::Template = template.as_ref();
    let message = "a rule with `?principal` or `?resource` is a template: it holds only for what is \
                   linked to it, and Drover links nothing (name whom and what the rule is for)";
    fault_at(text, template.loc().map(Loc::start), message)
}

/// Type errors, names that no request can meet, templates, and rules that can never apply: such a
/// rule would be one that its author relies on and that forbids nothing.
fn check(text: &str, policies: &PolicySet, schema: &Schema) -> Vec<Value> {
    let result = Validator::new(schema.clone()).validate(policies, ValidationMode::Strict);
    let mut faults = vec![];
    let mut told = BTreeSet::new(); // policies whose fault is named: that they never apply follows
    for error in result.validation_errors() {
        faults.push(fault(text, error));
        told.insert(error.policy_id().to_string());
    }
    for policy in policies.policies() {
        let unmet = unmet_names(text, policy, schema);
        if !unmet.is_empty() {
            told.insert(policy.id().to_string());
        }
        faults.extend(unmet);
    }
    for template in policies.templates() {
        told.insert(template.id().to_string());
        faults.push(unlinked(text, template));
    }
    // Of the two that say so, the head's is the plainer.
    let warnings = || result.validation_warnings();
    let heads = warnings().filter(|w| matches!(w, ValidationWarning::InvalidActionApplication(_)));
    let whole = warnings().filter(|w| matches!(w, ValidationWarning::ImpossiblePolicy(_)));
    for warning in heads.chain(whole) {
        if told.insert(warning.policy_id().to_string()) {
            faults.push(fault(text, warning));
        }
    }
    faults
}

fn load(policies: &str, schema: &str) -> Result<Loaded, Vec<Value>> {
    let (schema, _) = Schema::from_cedarschema_str(schema)
        .map_err(|e| vec![fault_at("", None, &format!("schema: {e}"))])?;
    let policies_read = PolicySet::from_str(policies)
        .map_err(|errors| sorted(errors.iter().map(|e| fault(policies, e)).collect()))?;
    let faults = check(policies, &policies_read, &schema);
    if faults.is_empty() {
        Ok(Loaded { policies: policies_read, schema, authorizer: Authorizer::new() })
    } else {
        Err(sorted(faults))
    }
}

/// {"principal": {"type", "id"}, "action": {…}, "resource": {…}, "context": {…}, "entities": […]}
fn decide(loaded: &Loaded, text: &str) -> Result<(bool, Value), String> {
    let request: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let uid = |name: &str| -> Result<EntityUid, String> {
        EntityUid::from_json(request[name].clone()).map_err(|e| format!("{name}: {e}"))
    };
    let action = uid("action")?;
    let context = Context::from_json_value(request["context"].clone(), Some((&loaded.schema, &action)))
        .map_err(|e| format!("context: {e}"))?;
    let entities = Entities::from_json_value(request["entities"].clone(), Some(&loaded.schema))
        .map_err(|e| format!("entities: {e}"))?;
    let asked = Request::new(uid("principal")?, action, uid("resource")?, context, Some(&loaded.schema))
        .map_err(|e| e.to_string())?;
    let response = loaded.authorizer.is_authorized(&asked, &loaded.policies, &entities);
    // A policy is named by its @id, where it has one.
    let reasons: Vec<String> = response
        .diagnostics()
        .reason()
        .map(|id| loaded.policies.annotation(id, "id").map_or_else(|| id.to_string(), str::to_string))
        .collect();
    let errors: Vec<String> = response.diagnostics().errors().map(|e| e.to_string()).collect();
    let allowed = response.decision() == Decision::Allow && errors.is_empty();
    Ok((allowed, json!({"policies": reasons, "errors": errors})))
}

unsafe fn text<'a>(bytes: *const c_char, size: usize) -> Option<&'a str> {
    std::str::from_utf8(std::slice::from_raw_parts(bytes.cast::<u8>(), size)).ok()
}

unsafe fn give(out: *mut *mut c_char, value: &Value) {
    *out = CString::new(value.to_string()).map_or(std::ptr::null_mut(), CString::into_raw);
}

/// # Safety
/// `policies` and `schema` point to that many bytes, `faults` to a place for a pointer.
#[no_mangle]
pub unsafe extern "C" fn drover_cedar_load(
    policies: *const c_char,
    policies_size: usize,
    schema: *const c_char,
    schema_size: usize,
    faults: *mut *mut c_char,
) -> *mut Loaded {
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        match (text(policies, policies_size), text(schema, schema_size)) {
            (Some(policies), Some(schema)) => load(policies, schema),
            _ => Err(vec![json!({"line": 0, "column": 0, "message": "not UTF-8"})]),
        }
    }));
    match loaded {
        Ok(Ok(loaded)) => Box::into_raw(Box::new(loaded)),
        Ok(Err(list)) => {
            give(faults, &json!(list));
            std::ptr::null_mut()
        }
        Err(_) => {
            give(faults, &json!([{"line": 0, "column": 0, "message": "the engine gave up"}]));
            std::ptr::null_mut()
        }
    }
}

/// # Safety
/// `loaded` came from drover_cedar_load and was not freed; `request` points to that many bytes.
#[no_mangle]
pub unsafe extern "C" fn drover_cedar_decide(
    loaded: *const Loaded,
    request: *const c_char,
    size: usize,
    reasons: *mut *mut c_char,
) -> c_int {
    let decided = catch_unwind(AssertUnwindSafe(|| match text(request, size) {
        Some(request) => decide(&*loaded, request),
        None => Err("not UTF-8".to_string()),
    }));
    match decided {
        Ok(Ok((allowed, why))) => {
            give(reasons, &why);
            c_int::from(allowed)
        }
        Ok(Err(message)) => {
            give(reasons, &json!({"policies": [], "errors": [message]}));
            -1
        }
        Err(_) => {
            give(reasons, &json!({"policies": [], "errors": ["the engine gave up"]}));
            -1
        }
    }
}

/// # Safety
/// `loaded` came from drover_cedar_load and is not used again.
#[no_mangle]
pub unsafe extern "C" fn drover_cedar_free(loaded: *mut Loaded) {
    if !loaded.is_null() {
        drop(Box::from_raw(loaded));
    }
}

/// # Safety
/// `text` came from one of the functions above and is not used again.
#[no_mangle]
pub unsafe extern "C" fn drover_cedar_free_text(text: *mut c_char) {
    if !text.is_null() {
        drop(CString::from_raw(text));
    }
}
