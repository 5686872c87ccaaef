YUI.add('moodle-availability_anxue-form', function (Y, NAME) {

/**
 * The editing form of the condition "real name proved" or "class hours credited".
 *
 * @module moodle-availability_anxue-form
 */
M.availability_anxue = M.availability_anxue || {};

/**
 * @class M.availability_anxue.form
 * @extends M.core_availability.plugin
 */
M.availability_anxue.form = Y.Object(M.core_availability.plugin);

/**
 * Nothing is needed from the server beside the strings.
 *
 * @method initInner
 */
M.availability_anxue.form.initInner = function() {
    this.hoursPattern = /^[0-9]{1,4}(\.[0-9]{1,4})?$/;
};

M.availability_anxue.form.getNode = function(json) {
    var text = function(key) {
        return Y.Escape.html(M.util.get_string(key, 'availability_anxue'));
    };
    var node = Y.Node.create('<span class="d-flex flex-wrap align-items-center">' +
            '<label><span class="pe-3">' + text('need') + '</span> ' +
            '<select name="need" class="custom-select form-select">' +
            '<option value="realname">' + text('need_realname') + '</option>' +
            '<option value="hours">' + text('need_hours') + '</option>' +
            '</select></label> ' +
            '<label class="availability_anxue-hours"><span class="accesshide">' + text('hours') + '</span>' +
            '<input name="hours" type="text" inputmode="decimal" class="form-control" size="8" title="' + text('hours') + '"/>' +
            '</label></span>');
    if (json.need === 'hours') {
        node.one('select[name=need]').set('value', 'hours');
        node.one('input[name=hours]').set('value', json.hours);
    }
    this.showHours(node);

    if (!M.availability_anxue.form.addedEvents) {
        M.availability_anxue.form.addedEvents = true;
        var root = Y.one('.availability-field');
        root.delegate('change', function() {
            M.availability_anxue.form.showHours(this.ancestor('span.availability_anxue'));
            M.core_availability.form.update();
        }, '.availability_anxue select[name=need]');
        root.delegate('valuechange', function() {
            M.core_availability.form.update();
        }, '.availability_anxue input[name=hours]');
    }
    return node;
};

/**
 * Shows the field for class hours only where hours are asked for.
 *
 * @method showHours
 * @param {Y.Node} node the condition's controls
 */
M.availability_anxue.form.showHours = function(node) {
    node.one('label.availability_anxue-hours').toggleView(node.one('select[name=need]').get('value') === 'hours');
};

M.availability_anxue.form.fillValue = function(value, node) {
    value.need = node.one('select[name=need]').get('value');
    if (value.need === 'hours') {
        value.hours = node.one('input[name=hours]').get('value').trim();
    }
};

M.availability_anxue.form.fillErrors = function(errors, node) {
    var value = {};
    this.fillValue(value, node);
    if (value.need === 'hours' && (!this.hoursPattern.test(value.hours) || Number(value.hours) === 0)) {
        errors.push('availability_anxue:error_hours');
    }
};


}, '@VERSION@', {"requires": ["base", "node", "event", "event-valuechange", "escape", "moodle-core_availability-form"]});
