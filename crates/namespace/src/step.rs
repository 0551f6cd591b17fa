use std::fmt;

use crate::{Kind, Kinds, Namespaces, Source};

/// What the starting process may do in its own user namespace, which decides the order of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// It holds CAP_SYS_ADMIN there, and so over each user namespace below it: the host's root.
    Full,
    /// It holds nothing there; it gains capabilities only inside a user namespace that it owns.
    OwnUser,
}

/// Which process takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The `clone3(2)` itself; each list has this place once.
    Clone,
    /// The process that the latest clone made.
    Child,
    /// A second `clone3(2)`, by the first child and with CLONE_PARENT; the first child then exits.
    SecondClone,
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `setns(2)` into the namespace of this kind.
    Join(Kind),
    /// New namespaces of these kinds, all in one call: flags of the clone, or of `unshare(2)` in a child.
    Create(Kinds),
    /// Waits until the parent has written the id maps.
    AwaitMaps,
    /// `setresgid(2)` and `setresuid(2)` to 0, so that what is made next belongs to an id that is mapped.
    ///
    /// To be left out where the maps have no 0.
    BecomeRoot,
    /// Waits until the process is in its cgroup, or goes there.
    AwaitCgroup,
}

/// One step with the process that takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which process.
    pub place: Place,
    /// What it does.
    pub action: Action,
}

/// The kinds that a child joins, in this order: mount moves its root, and pid only counts for what it clones next.
const JOINS: [Kind; 7] = [Kind::Net, Kind::Ipc, Kind::Uts, Kind::Cgroup, Kind::Time, Kind::Mount, Kind::Pid];

/// Orders what has to be done for `namespaces`, from the first join to the last unshare.
///
/// The order follows from one rule of `user_namespaces(7)`: every other namespace is owned by the user namespace
/// its maker was in, and making or joining needs CAP_SYS_ADMIN in the owner or in one above it.
/// - *A joined user namespace.* With full rights it comes last of the joins: what the host owns is out of reach
///   from inside it, and what it owns is in reach from outside. Without rights it comes first, since only inside
///   it are there capabilities. No trial and error is needed: in each case the other order could reach nothing more.
/// - *A new user namespace* comes after all joins, for the same reason, and before all that is made, which it
///   thereby owns.
/// - *Pid.* Joining one only moves later children, so the child does it and clones again. The starting thread could do it
///   round its clone and save a process, but could not come back where its own pid namespace belongs to a user
///   namespace above its own. A new one that a joined user namespace has to own also takes a second clone.
/// - *Mount, net, ipc, uts, time* are made by the child, in one `unshare(2)`: the parent works on while the kernel makes
///   them. With a new user namespace they wait for the maps, since the kernel gives some of their objects to the
///   maker's id at that time.
/// - *Cgroup* takes the cgroup the process is in as its root, so it comes after the move there; CLONE_INTO_CGROUP
///   beside CLONE_NEWCGROUP would show the parent's.
/// - *Time* is entered at the next fork, or exec since Linux 6.3, so that offsets can be written in between; clone3
///   with CLONE_NEWTIME would leave no such moment. Before either, `time_for_children` below `/proc/self/ns` can be
///   entered by `setns(2)`.
#[must_use]
pub fn steps(namespaces: &Namespaces, rights: Rights) -> Vec<Step> {
    let mut list = List { steps: Vec::with_capacity(16) };
    let created = namespaces.created();
    let user = namespaces.get(Kind::User);
    let child_joins = namespaces.joined().without(Kind::User);
    let by_clone = created.both(Kinds::NONE.with(Kind::User).with(Kind::Pid));
    match user {
        Source::Join(_) => {
            list.push(Place::Clone, Action::Create(Kinds::NONE));
            list.join_with_user(child_joins, rights);
            if child_joins.contains(Kind::Pid) || created.contains(Kind::Pid) {
                list.push(Place::SecondClone, Action::Create(by_clone));
            }
        }
        Source::New if !child_joins.is_empty() => {
            list.push(Place::Clone, Action::Create(Kinds::NONE));
            list.join(child_joins);
            list.push(Place::SecondClone, Action::Create(by_clone));
        }
        Source::New | Source::Inherit => {
            list.push(Place::Clone, Action::Create(by_clone));
            list.join(child_joins);
            if child_joins.contains(Kind::Pid) {
                list.push(Place::SecondClone, Action::Create(Kinds::NONE));
            }
        }
    }
    if *user == Source::New {
        list.push(Place::Child, Action::AwaitMaps);
        list.push(Place::Child, Action::BecomeRoot);
    }
    list.create_in_child(created);
    list.steps
}

struct List {
    steps: Vec<Step>,
}

impl List {
    fn push(&mut self, place: Place, action: Action) {
        self.steps.push(Step { place, action });
    }

    fn join(&mut self, kinds: Kinds) {
        for kind in JOINS.into_iter().filter(|kind| kinds.contains(*kind)) {
            self.push(Place::Child, Action::Join(kind));
        }
    }

    fn join_with_user(&mut self, kinds: Kinds, rights: Rights) {
        if rights == Rights::Full {
            self.join(kinds);
        }
        self.push(Place::Child, Action::Join(Kind::User));
        self.push(Place::Child, Action::BecomeRoot);
        if rights == Rights::OwnUser {
            self.join(kinds);
        }
    }

    fn create_in_child(&mut self, created: Kinds) {
        let plain: Kinds = [Kind::Mount, Kind::Net, Kind::Ipc, Kind::Uts, Kind::Time].into_iter().collect();
        if !created.both(plain).is_empty() {
            self.push(Place::Child, Action::Create(created.both(plain)));
        }
        if created.contains(Kind::Cgroup) {
            self.push(Place::Child, Action::AwaitCgroup);
            self.push(Place::Child, Action::Create(Kinds::NONE.with(Kind::Cgroup)));
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = match self.place {
            Place::Child => "unshare",
            Place::Clone => "clone3",
            Place::SecondClone => "clone3 again",
        };
        match self.action {
            Action::Join(kind) => write!(f, "setns {kind}"),
            Action::Create(kinds) if kinds.is_empty() => f.write_str(call),
            Action::Create(kinds) => write!(f, "{call} {kinds}"),
            Action::AwaitMaps => f.write_str("await id maps"),
            Action::BecomeRoot => f.write_str("setresgid, setresuid 0"),
            Action::AwaitCgroup => f.write_str("await cgroup"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    /// Reads `pid=new net=join` and gives the steps as text.
    fn plan(words: &str, rights: Rights) -> String {
        let named = words.split_whitespace().map(|word| {
            let (kind, source) = word.split_once('=').unwrap();
            let source = match source {
                "new" => Source::New,
                "join" => Source::Join(Target::Pid(1)),
                other => panic!("no source is called {other}"),
            };
            (Kind::from_name(kind).unwrap(), source)
        });
        let steps = steps(&Namespaces::new(named).unwrap(), rights);
        assert_eq!(steps.iter().filter(|step| step.place == Place::Clone).count(), 1, "{words}");
        steps.iter().map(Step::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn steps_of_the_usual_cases() {
        use Rights::{Full, OwnUser};
        let table = [
            ("", Full, "clone3"),
            (
                "mnt=new pid=new net=new ipc=new uts=new cgroup=new",
                Full,
                "clone3 pid; unshare mount,network,ipc,uts; await cgroup; unshare cgroup",
            ),
            (
                "mnt=new pid=new net=new user=new time=new",
                OwnUser,
                "clone3 pid,user; await id maps; setresgid, setresuid 0; unshare mount,network,time",
            ),
            // A pod: the network and ipc of another container.
            (
                "mnt=new pid=new net=join ipc=join uts=new",
                Full,
                "clone3 pid; setns network; setns ipc; unshare mount,uts",
            ),
            // A pod with a user namespace of its own.
            (
                "mnt=new pid=new net=join user=join",
                Full,
                "clone3; setns network; setns user; setresgid, setresuid 0; clone3 again pid; unshare mount",
            ),
            // A host network under a new user namespace.
            (
                "mnt=new pid=new net=join user=new",
                Full,
                "clone3; setns network; clone3 again pid,user; await id maps; setresgid, setresuid 0; unshare mount",
            ),
            // exec as the host's root, as root of a container with a user namespace, and rootless.
            (
                "mnt=join pid=join net=join",
                Full,
                "clone3; setns network; setns mount; setns pid; clone3 again",
            ),
            (
                "mnt=join pid=join user=join",
                Full,
                "clone3; setns mount; setns pid; setns user; setresgid, setresuid 0; clone3 again",
            ),
            (
                "mnt=join pid=join user=join",
                OwnUser,
                "clone3; setns user; setresgid, setresuid 0; setns mount; setns pid; clone3 again",
            ),
            ("pid=join", OwnUser, "clone3; setns pid; clone3 again"),
        ];
        for (words, rights, expected) in table {
            assert_eq!(plan(words, rights), expected, "{words} {rights:?}");
        }
    }

    #[test]
    fn every_kind_is_handled_once_and_owned_by_the_new_user_namespace() {
        for combination in 0..3_usize.pow(8) {
            let source = |kind: Kind| match combination / 3_usize.pow(kind as u32) % 3 {
                0 => Source::Inherit,
                1 => Source::New,
                _ => Source::Join(Target::Pid(1)),
            };
            let set = Namespaces::new(Kind::ALL.map(|kind| (kind, source(kind)))).unwrap();
            for rights in [Rights::Full, Rights::OwnUser] {
                check(&set, &steps(&set, rights));
            }
        }
    }

    fn check(set: &Namespaces, steps: &[Step]) {
        let when = |wanted: &dyn Fn(Action) -> bool| {
            let found: Vec<usize> = (0..steps.len()).filter(|n| wanted(steps[*n].action)).collect();
            assert!(found.len() <= 1, "{set:?} {steps:?}");
            found.first().copied()
        };
        let made = |kind| when(&|action| matches!(action, Action::Create(kinds) if kinds.contains(kind)));
        let joined = |kind| when(&|action| action == Action::Join(kind));
        let user = made(Kind::User).or(joined(Kind::User));
        for kind in Kind::ALL {
            assert_eq!(made(kind).is_some(), *set.get(kind) == Source::New, "{set:?} {steps:?}");
            assert_eq!(joined(kind).is_some(), matches!(set.get(kind), Source::Join(_)), "{set:?} {steps:?}");
            if let (Some(user), Some(made)) = (user, made(kind)) {
                assert!(user <= made, "{kind} {set:?} {steps:?}");
            }
            if let (Some(user), Some(joined)) = (made(Kind::User), joined(kind)) {
                assert!(joined < user, "{kind} {set:?} {steps:?}");
            }
        }
        let last_clone =
            steps.iter().rposition(|step| matches!(step.place, Place::Clone | Place::SecondClone));
        assert!(joined(Kind::Pid) < last_clone && made(Kind::Pid) <= last_clone, "{set:?} {steps:?}");
    }
}
